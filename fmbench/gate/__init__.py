"""Two reports -> a verdict: pure judgements of quality, speed and memory, and their outputs.

`side` reads a report or a committed baseline, `pairing` says what may be compared, `quality` and `speed` judge, and
`text`, `markdown`, `junit`, `github` and `document` say it. `bench` measures two sides in one job.
"""
