"""The pages, a module for each part of the way through the shop."""
