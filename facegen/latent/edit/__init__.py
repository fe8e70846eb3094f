"""A face changed by name: older, smiling, turned to the left.

options (what may be asked for) -> directions (what each costs in w) -> apply (how far it may go).
"""
