"""JSON values as `cyoda.jsonio` decodes them, shaped so that different values often share names and types."""

from decimal import Decimal

from hypothesis import strategies as st

NAMES = st.sampled_from(["a", "b", "c", "a.b", "x"])
TEXTS = st.sampled_from(["", "text", "2024", "2024-01", "2024-01-02", "10:30", "2024-01-02T10:30", "2024-01-02T10:30Z"])
WHOLES = st.sampled_from([0, 1, -1, 2**31, 2**63, -(2**63), 2**127, 10**40])
DECIMALS = st.sampled_from(
    [Decimal(text) for text in ("1.5", "1.0", "1e2", "0.1234567890123456", "0.12345678901234567890", "1e400", "1e-400")]
)
SCALARS = st.one_of(st.none(), st.booleans(), WHOLES, DECIMALS, TEXTS)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=4)),
    max_leaves=12,
)
DOCUMENTS = st.dictionaries(NAMES, VALUES, max_size=4)
