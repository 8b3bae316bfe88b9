"""Stage 4, without recordings: the AR model speaks a text list, and its tokens become training data.

    python GPT_SoVITS/prepare_datasets/4-distill.py --texts texts.txt --exp my_distilled --language en --seeds 1 2

See --help, and docs/qwen3.md.
"""

from prepare_datasets.distill_stage import main

if __name__ == "__main__":
    raise SystemExit(main())
