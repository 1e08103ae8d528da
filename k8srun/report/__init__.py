"""Run records as pages: one offline HTML file a run, and an index of all runs."""
