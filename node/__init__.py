"""This daemon: ports, wiring, index, install, API, web page and command line. The only floor with sockets, disk, processes."""
