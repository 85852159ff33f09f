"""``make chaos``: breaks the engine in every way that RELIABILITY names, and asks the oracle after each.

    python -m tools.chaos [--quick] [--only GROUP,...] [--seeds N] [--kills N] [--episodes N] [--races N] [--seed S]

Groups: crashes (A1 to A19 at depth 1 and 2), kills (kill -9 of a trader under load), desks (the same with a whole
desk, in real time), episodes (the engine in virtual time), holds (HOLD against send, frozen processes).
"""
