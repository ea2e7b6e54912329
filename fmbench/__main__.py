from fmbench.cli import main

main()
