"""The report: one HTML file that needs no network, and one screen of a terminal."""
