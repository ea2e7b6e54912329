from fmbench.cli import program

program()
