"""Vintages: tables and maps in the territories and legends of another, and releases."""
