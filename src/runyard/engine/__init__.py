"""Operations: plain functions over a transaction. They decide; dialects translate."""
