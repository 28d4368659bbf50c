"""The settings of the filters: `[[filter]]`, one kind of filter a class."""
