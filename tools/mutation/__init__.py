"""Mutation testing of the pure risk rules: small wrongs put into the code, which the fast tests must notice."""
