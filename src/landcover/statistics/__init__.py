"""Statistics: from maps to tables: territories, areas with intervals, change, vintages, confrontation."""
