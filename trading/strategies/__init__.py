"""The strategies: each proposes pairs of venues and says when its hedges close; only the engine trades."""
