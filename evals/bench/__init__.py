"""Speed, memory and what they cost in quality, measured side by side in one run: `python -m evals bench WHAT`.

answers.py    the reply: build, start, answers, memory
encoder.py    the shipped encoder against the float32 model and the packaged engine: speed, start, vocabulary
parity.py     do both models rank alike: nDCG@10 of public question sets
reference.py  the float32 model, made from the package's weights
index.py      search and build times from a thousand to a million chunks
texts.py      official texts in any number, and vectors for them
engines.py    BM25 by other libraries
serving.py    the server under load: many readers, far too many, ten thousand answers; load.py puts the load on
plot.py       a line chart
milvus.py     the index in Milvus beside the local one: rankings and search times
"""
