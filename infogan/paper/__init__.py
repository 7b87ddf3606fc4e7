"""The tables, figures and claims of the paper: trained, measured, drawn, and compared with what it shows.

Labels and factors of real images train readers (`readers.py`), which judge generated images. Nothing of them
reaches the training of a model or the choice without labels (`choice.py`).
"""
