"""Every operation of the OpenAPI document, asked with generated requests over all roles."""
