"""Sends a request and five datagrams, and is gone before anybody could answer. Arguments: host, port, path, bytes, UDP port."""
import socket
import sys

host, port, path, size, udp_port = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
connection = socket.create_connection((host, port))
head = f'POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: {size}\r\n\r\n'
connection.sendall(head.encode() + b'x' * size)
datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(5):
    datagrams.sendto(b'x' * 100, (connection.getpeername()[0], udp_port))
