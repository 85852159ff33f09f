"""The settings of SPEC 13, by group. propbot.config joins them."""
