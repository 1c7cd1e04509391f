"""The native API's routes, a module for each group of resources."""
