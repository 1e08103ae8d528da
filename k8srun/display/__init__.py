"""What a person sees in a notebook. The only code that imports IPython, pandas and matplotlib."""
