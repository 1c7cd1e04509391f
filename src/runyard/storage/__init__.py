"""Two database engines with one behaviour behind one port."""
