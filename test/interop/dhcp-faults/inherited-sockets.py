# Starts a command as systemd would from .socket units (sd_listen_fds(3)): as another user, without any capability, with
# UDP sockets that were bound before that. inherited-sockets.py USER NAME=ADDRESS:PORT[%DEVICE]... -- COMMAND...
import os
import pwd
import socket
import sys

user, *rest = sys.argv[1:]
end = rest.index("--")
names = []
sockets = []
for written in rest[:end]:
    name, where = written.split("=")
    where, _, device = where.partition("%")
    address, port = where.split(":")
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    if device:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode() + b"\0")
    opened.bind((address, int(port)))
    names.append(name)
    sockets.append(opened)
# Away from 3 and up first, which is where they have to stand.
high = [os.dup2(opened.fileno(), 100 + i) for i, opened in enumerate(sockets)]
for i, fd in enumerate(high):
    os.dup2(fd, 3 + i, inheritable=True)
    os.close(fd)
if names:
    os.environ.update(
        LISTEN_FDS=str(len(names)), LISTEN_FDNAMES=":".join(names), LISTEN_PID=str(os.getpid())
    )
account = pwd.getpwnam(user)
os.setgroups([])
os.setgid(account.pw_gid)
os.setuid(account.pw_uid)
command = rest[end + 1 :]
os.execvp(command[0], command)
