"""The published client of Strait, and for each of its methods how it is tried."""
