"""The metrics of the whole host in the text format of Prometheus.

`snapshot` has the numbers as values. `from_counts` and `from_state` have the name and the meaning
of each metric, and take its values from a snapshot. `text` prints them.
"""
