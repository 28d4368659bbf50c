"""The metrics of the whole host in the text format of Prometheus, and the page about its health.

`snapshot` has the numbers as values, `table` the name and the meaning of each metric, `from_counts`
and `from_state` make samples of a snapshot, `text` prints them, and `site` serves the pages.
"""
