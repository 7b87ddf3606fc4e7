"""Encodes images: into one table, or into a folder of Parquet files that can be continued."""
