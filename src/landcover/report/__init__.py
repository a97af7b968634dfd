"""Figures and self-contained HTML pages; they know nothing of land cover but the legend."""
