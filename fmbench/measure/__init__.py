"""What is measured on a cell: quality, efficiency. Every number is a Measurement with its n and its interval.

Quality needs stored predictions only; what needs the model itself says so by taking Evidence.
"""
