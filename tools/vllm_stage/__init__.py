"""What tools/check_vllm.py is made of: an environment with vLLM, its server, and what is compared with our own loop."""
