"""Couples of image and mask: find, inspect, cut from scenes, split by place."""
