"""Speed, memory and what they cost in quality, measured side by side in one run: `python -m evals bench WHAT`.

answers.py  the reply: build, start, answers, memory
encoder.py  the shipped encoder against the float32 model and the packaged engine: speed and rankings
index.py    search and build times from a thousand to a million chunks
milvus.py   the index in Milvus beside the local one: rankings and search times
"""
