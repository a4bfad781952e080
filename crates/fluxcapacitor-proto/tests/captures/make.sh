#!/bin/bash
# Makes the captures beside this file. Needs root, iproute2, tcpdump, ping, curl, radvd, ndisc6 and python3; touches only
# three network namespaces of its own, which it removes.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
a=fluxcap-cap-a-$$ b=fluxcap-cap-b-$$ r=fluxcap-cap-r-$$
trap 'ip netns del $a; ip netns del $b; ip netns del $r 2>/dev/null; rm -rf "$www"' EXIT
www=$(mktemp -d)
ip netns add $a && ip netns add $b
ip link add veth0 netns $a type veth peer name veth0 netns $b
ip -n $a link set veth0 address 02:00:00:00:00:0a && ip -n $b link set veth0 address 02:00:00:00:00:0b
# Offloads off: what is captured is what a wire would carry, checksums filled.
for n in $a $b; do
    ip netns exec $n ethtool -K veth0 tx off tso off gso off gro off >/dev/null
    ip -n $n link set lo up && ip -n $n link set veth0 up
done
ip -n $a addr add 10.9.0.1/24 dev veth0 && ip -n $b addr add 10.9.0.2/24 dev veth0
ip -n $a addr add fd09::1/64 dev veth0 nodad && ip -n $b addr add fd09::2/64 dev veth0 nodad
sleep 2

# capture NAME COMMAND...: what passes $link of the first namespace while the command runs there, and $only if that is set.
link=veth0 only=
capture() {
    local name=$1; shift
    ip netns exec $a tcpdump -i $link -U -c 40 -w "$here/$name.pcap" $only 2>/dev/null & local dump=$!
    sleep 0.7
    ip netns exec $a "$@" >/dev/null 2>&1 || true
    sleep 0.5
    kill $dump 2>/dev/null || true; wait $dump 2>/dev/null || true
}
python_in() { ip netns exec "$1" timeout 60 python3 - ; }

capture ping ping -c 2 -i 0.2 10.9.0.2
ip -n $a neigh flush dev veth0; ip -n $b neigh flush dev veth0
capture ping6 ping -6 -c 2 -i 0.2 fd09::2
capture ping_options ping -c 1 -R 10.9.0.2
capture port_unreachable python3 -c 'import socket
for family, to in ((socket.AF_INET, "10.9.0.2"), (socket.AF_INET6, "fd09::2")):
    s = socket.socket(family, socket.SOCK_DGRAM); s.sendto(b"anyone there?", (to, 33333))'
capture refused python3 -c 'import socket
for family, to in ((socket.AF_INET, "10.9.0.2"), (socket.AF_INET6, "fd09::2")):
    socket.socket(family).connect_ex((to, 81))'
capture fragments python3 -c 'import socket
for family, to in ((socket.AF_INET, "10.9.0.2"), (socket.AF_INET6, "fd09::2")):
    s = socket.socket(family, socket.SOCK_DGRAM); s.sendto(bytes(range(250)) * 14, (to, 9))'

echo "hello from the other side" > "$www/index.html"
ip netns exec $b python3 -m http.server 80 --directory "$www" --bind :: >/dev/null 2>&1 & web=$!
cat > "$www/dns.py" <<'P'
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("10.9.0.2", 53))
while True:
    q, who = s.recvfrom(512)
    s.sendto(q[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + q[12:] + b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x0a\x09\0\2", who)
P
ip netns exec $b python3 "$www/dns.py" & dns=$!
sleep 1
capture http curl -s http://10.9.0.2/
capture http6 curl -s -g 'http://[fd09::2]/'
capture dns python3 -c 'import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(2)
s.sendto(b"\x12\x34\1\0\0\1\0\0\0\0\0\0\7example\4test\0\0\1\0\1", ("10.9.0.2", 53)); s.recv(512)'
kill $web $dns

# A tunnel or VLAN in both namespaces, and a ping and a refused connection through it; skipped if the kernel has no such device.
tunnel() {
    local name=$1 net=$2
    capture "$name" sh -c "ping -c 1 -W 1 $net.2; python3 -c 'import socket; socket.socket().connect_ex((\"$net.2\", 81))'"
}
pair() {
    local net=$1; shift
    for side in 1 2; do
        local n; [ $side = 1 ] && n=$a || n=$b
        local other=$((3 - side))
        local words=() w
        for w in "$@"; do w=${w//LOCAL/10.9.0.$side}; w=${w//REMOTE/10.9.0.$other}; words+=("$w"); done
        ip -n $n link add t0 "${words[@]}" && ip -n $n addr add $net.$side/24 dev t0 && ip -n $n link set t0 up || return 1
    done
    sleep 1
}
unpair() { ip -n $a link del t0 2>/dev/null || true; ip -n $b link del t0 2>/dev/null || true; }
pair 10.10.1 link veth0 type vlan id 42 && tunnel vlan 10.10.1 || echo 'no vlan here'; unpair
pair 10.10.2 type vxlan id 4242 local LOCAL remote REMOTE dstport 4789 && tunnel vxlan 10.10.2 || echo 'no vxlan here'; unpair
pair 10.10.3 type gre local LOCAL remote REMOTE key 7 && tunnel gre 10.10.3 || echo 'no gre here'; unpair
pair 10.10.4 type ipip local LOCAL remote REMOTE && tunnel ipip 10.10.4 || echo 'no ipip here'; unpair

# A router on the way to a third network.
ip netns add $r && ip -n $r link set lo up
ip netns exec $r sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
ip link add veth1 netns $a type veth peer name veth1 netns $r
ip link add veth2 netns $r type veth peer name veth2 netns $b
ip -n $a link set veth1 address 02:00:00:00:01:0a && ip -n $r link set veth1 address 02:00:00:00:01:0c
ip -n $r link set veth2 address 02:00:00:00:02:0c && ip -n $b link set veth2 address 02:00:00:00:02:0b
for end in "$a veth1" "$r veth1" "$r veth2" "$b veth2"; do
    set -- $end
    ip netns exec $1 ethtool -K $2 tx off tso off gso off gro off >/dev/null
    ip -n $1 link set $2 up
done
ip -n $a addr add 10.19.0.1/24 dev veth1 && ip -n $r addr add 10.19.0.254/24 dev veth1
ip -n $b addr add 10.29.0.1/24 dev veth2 && ip -n $r addr add 10.29.0.254/24 dev veth2
ip -n $a addr add fd19::1/64 dev veth1 nodad && ip -n $r addr add fd19::254/64 dev veth1 nodad
ip -n $b addr add fd29::1/64 dev veth2 nodad && ip -n $r addr add fd29::254/64 dev veth2 nodad
ip -n $a route add 10.0.0.0/8 via 10.19.0.254 && ip -n $b route add 10.19.0.0/24 via 10.29.0.254
ip -n $a route add fd00::/8 via fd19::254 && ip -n $b route add fd19::/64 via fd29::254
sleep 2
link=veth1

cat > "$www/radvd.conf" <<'R'
interface veth1 {
    AdvSendAdvert on; MaxRtrAdvInterval 600; AdvOtherConfigFlag on; AdvDefaultPreference high; AdvLinkMTU 1480;
    AdvReachableTime 30000; AdvRetransTimer 1000;
    prefix fd19::/64 { AdvValidLifetime 7200; AdvPreferredLifetime 3600; AdvAutonomous off; };
    RDNSS fd19::53 { };
};
R
ip netns exec $r radvd -n -C "$www/radvd.conf" -p "$www/radvd.pid" >/dev/null 2>&1 & advertiser=$!
sleep 1
only=icmp6 capture router rdisc6 -1 veth1
kill $advertiser

# What routers answer: out of hops, too long, no way, a better way.
ip -n $r link set veth2 mtu 1280
ip -n $r route add prohibit 10.39.0.0/24
ip -n $r neigh add 10.19.0.7 lladdr 02:00:00:00:01:07 dev veth1 && ip -n $r route add 10.49.0.0/24 via 10.19.0.7
ip -n $r neigh add fe80::7 lladdr 02:00:00:00:01:07 dev veth1 && ip -n $r route add fd49::/64 via fe80::7 dev veth1
only='icmp or icmp6 and not (ip6[40] >= 133 and ip6[40] <= 136)' capture routed sh -c '
    ping -c 1 -W 1 -t 1 10.29.0.1; ping -6 -c 1 -W 1 -t 1 fd29::1
    ping -c 1 -W 1 -M do -s 1260 10.29.0.1; ping -6 -c 1 -W 1 -M do -s 1240 fd29::1
    ping -c 1 -W 1 10.39.0.1; ping -6 -c 1 -W 1 fd39::1
    ping -c 1 -W 1 10.49.0.1; ping -6 -c 1 -W 1 fd49::1'

# Options of IPv4, and extension headers: hop by hop, for the destination, and segments to go by.
only='not arp and not icmp6' capture options python3 -c 'import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for options in b"\x94\4\0\0", b"\x44\x0c\5\0" + bytes(8), b"\1\x07\7\4" + bytes(4):
    s.setsockopt(0, socket.IP_OPTIONS, options); s.sendto(b"options", ("10.29.0.1", 9))
for kind, header in (
    (socket.IPV6_HOPOPTS, b"\0\0\5\2\0\0\1\0"),
    (socket.IPV6_DSTOPTS, b"\0\0\1\4\0\0\0\0"),
    (socket.IPV6_RTHDR, b"\0\4\4\1\1\0\0\0" + socket.inet_pton(10, "fd29::1") + socket.inet_pton(10, "fd19::254")),
):
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.setsockopt(41, kind, header); s.sendto(b"extension", ("fd29::1", 9))
    t = socket.socket(socket.AF_INET6, socket.SOCK_STREAM); t.settimeout(1)
    t.setsockopt(41, kind, header); t.connect_ex(("fd29::1", 81))'
link=veth0

# Offloads on again: partial checksums, as a virtual interface hands them over.
for n in $a $b; do ip netns exec $n ethtool -K veth0 tx on >/dev/null; done
capture partial python3 -c 'import socket
for family, to in ((socket.AF_INET, "10.9.0.2"), (socket.AF_INET6, "fd09::2")):
    s = socket.socket(family, socket.SOCK_DGRAM); s.sendto(b"partial", (to, 9))
    socket.socket(family).connect_ex((to, 81))'

# What tcpdump says of them, for the test of the one-line summary.
for pcap in "$here"/*.pcap; do
    tcpdump -nn -t -S -r "$pcap" 2>/dev/null > "${pcap%.pcap}.txt"
done
