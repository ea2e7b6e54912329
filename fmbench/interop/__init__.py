"""Other faces of fmbench: the pytest plugin, and exporters to the formats of other tools.

Nothing below this room knows of them.
"""
