"""The bounds of what the trace keeps of one event."""

MOST_RECIPIENTS = 100  # further ones are counted
LONGEST_TEXT = 1000  # characters of what another host or a filter said
