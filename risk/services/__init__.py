"""The writes of the risk floor."""
