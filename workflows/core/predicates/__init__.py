"""The condition language of searches, statistics and criteria (contract: search 5, 8, 9; engine 2.6).

parsing.parse_condition     document -> tree
validation                  the checks of a search, in order, and those of statistics
kernel.compile_condition    tree + field types -> predicate(document, meta), the only judge
narrowing.narrow            tree + field types -> what a backend may push down
criterion                   the same for workflow criteria, which fail late
sort                        sort keys and their key function
"""
