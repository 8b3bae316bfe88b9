"""The stand-in host's page over its pipeline."""

import json
import sys

import gradio as gr

from TTS_infer_pack.TTS import TTS, TTS_Config

tts_pipeline = TTS(TTS_Config())

with gr.Blocks(title="GPT-SoVITS WebUI") as app:
    gr.Textbox(label="text")

if __name__ == "__main__":
    labels = [one["props"].get("label") for one in app.get_config_file()["components"]]
    spoken = [part for _, part in tts_pipeline.run(json.loads(sys.argv[1]))]
    print("RESULT", json.dumps({"labels": labels, "spoken": spoken}))
