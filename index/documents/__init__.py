"""Stories, sources and publishers: values, checks and ids."""
