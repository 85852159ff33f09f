"""What the risk floor shows: the same figures for the API, the dashboard and the reports."""
