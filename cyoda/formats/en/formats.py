"""ISO order and the zone, so that no page needs a note about either; Django reads the names."""

DATE_FORMAT = SHORT_DATE_FORMAT = "Y-m-d"
DATETIME_FORMAT = SHORT_DATETIME_FORMAT = "Y-m-d H:i:s e"
TIME_FORMAT = "H:i:s"
