# The R kernel. A file, because R keeps what it is given with -e in a file that it has deleted, and gVisor writes no memory with one open.
IRkernel::main()
