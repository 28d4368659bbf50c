"""The data of FETCH: `columns` from the folder's view, its details and the summaries, `sections`
from the octets of messages."""
