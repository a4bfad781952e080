//! Two linked NICs with a stack on each, and what is done with them.

use std::iter;
use std::time::Duration;

use fluxcapacitor::simulator::control::{LinkConfig, Nic, NicConfig, Profile, World};
use fluxcapacitor::system::Batch;
use fluxcapacitor::umem::UmemRegion;
use fluxcapacitor::{FluxBuilder, Packet, split};
use fluxcapacitor_smoltcp::FluxDevice;
use smoltcp::iface::{Config, Interface, PollResult, SocketHandle, SocketSet};
use smoltcp::socket::{tcp, udp};
use smoltcp::time::{Duration as Delay, Instant};
use smoltcp::wire::{IpAddress, IpCidr, Ipv6Address};

pub const SECOND: Duration = Duration::from_secs(1);

pub const PROFILES: [Profile; 2] = [Profile::Copy, Profile::ZeroCopy];

/// Where datagrams go.
pub const PORT: u16 = 4000;

/// How long a packet takes from one NIC to the other.
pub const LINK: Duration = Duration::from_micros(20);

/// The address of the stack of this number.
pub const fn address(number: u8) -> IpAddress {
    IpAddress::v4(10, 9, 0, number)
}

/// The same in IPv6.
pub const fn address_v6(number: u8) -> Ipv6Address {
    Ipv6Address::new(0xfd00, 0, 0, 0, 0, 0, 0, number as u16)
}

/// A stack on a NIC.
pub struct Station {
    pub nic: Nic,
    pub umem: UmemRegion,
    pub device: FluxDevice,
    pub interface: Interface,
    pub sockets: SocketSet<'static>,
}

impl Station {
    pub fn open(nic: &Nic, number: u8, build: impl Fn(FluxBuilder) -> FluxBuilder) -> Self {
        let raw = build(FluxBuilder::new(nic.name())).build_raw().unwrap();
        let umem = raw.umem.clone();
        let (rx, tx) = split(raw);
        let mut device = FluxDevice::new(rx, tx);
        let mut config = Config::new(device.ethernet_address().unwrap().into());
        config.random_seed = u64::from(number);
        let mut interface = Interface::new(config, &mut device, Instant::ZERO);
        interface.update_ip_addrs(|addresses| {
            addresses.push(IpCidr::new(address(number), 24)).unwrap();
            addresses.push(IpCidr::new(address_v6(number).into(), 64)).unwrap();
        });
        Self { nic: nic.clone(), umem, device, interface, sockets: SocketSet::new(Vec::new()) }
    }

    pub fn add_tcp(&mut self, buffer: usize) -> SocketHandle {
        let buffer = || tcp::SocketBuffer::new(vec![0; buffer]);
        self.sockets.add(tcp::Socket::new(buffer(), buffer()))
    }

    pub fn tcp(&mut self, handle: SocketHandle) -> &mut tcp::Socket<'static> {
        self.sockets.get_mut(handle)
    }

    /// A socket on `PORT`, for many datagrams.
    pub fn add_udp(&mut self) -> SocketHandle {
        let buffer =
            || udp::PacketBuffer::new(vec![udp::PacketMetadata::EMPTY; 1024], vec![0; 1 << 20]);
        let mut socket = udp::Socket::new(buffer(), buffer());
        socket.bind(PORT).unwrap();
        self.sockets.add(socket)
    }

    pub fn udp(&mut self, handle: SocketHandle) -> &mut udp::Socket<'static> {
        self.sockets.get_mut(handle)
    }

    /// Gives the stack `count` datagrams for the station `to`, each with its number.
    pub fn send(&mut self, handle: SocketHandle, to: u8, count: u32) {
        for number in 0..count {
            self.udp(handle).send_slice(&number.to_be_bytes(), (address(to), PORT)).unwrap();
        }
    }

    /// The numbers of the datagrams that have arrived.
    pub fn received(&mut self, handle: SocketHandle) -> Vec<u32> {
        let socket = self.udp(handle);
        iter::from_fn(|| Some(u32::from_be_bytes(socket.recv().ok()?.0.try_into().ok()?))).collect()
    }

    pub fn connect(&mut self, handle: SocketHandle, to: (IpAddress, u16), port: u16) {
        let socket = self.sockets.get_mut::<tcp::Socket<'_>>(handle);
        socket.connect(self.interface.context(), to, port).unwrap();
    }

    pub fn poll(&mut self, now: Instant) -> PollResult {
        self.interface.poll(now, &mut self.device, &mut self.sockets)
    }

    pub fn delay(&mut self, now: Instant) -> Option<Delay> {
        self.interface.poll_delay(now, &self.sockets)
    }

    /// Every frame can still be had: some by allocating, all others by receiving into them.
    pub fn conserved(self, world: &World) {
        let Self { nic, umem, device, .. } = self;
        let (mut rx, mut tx) = device.into_halves();
        for _ in 0..1000 {
            tx.flush().unwrap();
            world.run_for(Duration::from_micros(10));
        }
        let frames = tx.granted().frames as usize;
        let mut held: Vec<Packet> = iter::from_fn(|| tx.allocate()).collect();
        let mut batch = Batch::new(frames);
        for _ in 0..2 * frames {
            nic.inject(&[0; 60]);
            rx.recv(&mut batch).unwrap();
        }
        held.extend(batch);
        let census = umem.census();
        assert_eq!((census.tx, census.retired), (0, 0), "{census}");
        assert_eq!((held.len(), census.user as usize), (frames, frames), "{census}");
    }
}

/// Two stations, 1 and 2, and their world.
pub struct Bench {
    pub world: World,
    pub one: Station,
    pub two: Station,
}

impl Bench {
    pub fn new(seed: u64, profile: Profile) -> Self {
        Self::with(seed, profile, |builder| builder)
    }

    pub fn with(seed: u64, profile: Profile, build: impl Fn(FluxBuilder) -> FluxBuilder) -> Self {
        Self::of(seed, |name| NicConfig::new(name).profile(profile), build)
    }

    pub fn of(
        seed: u64,
        config: impl Fn(&str) -> NicConfig,
        build: impl Fn(FluxBuilder) -> FluxBuilder,
    ) -> Self {
        let world = World::from_env(seed).unwrap();
        let nic = |name| world.nic(config(name)).unwrap();
        let (one, two) = (nic("one"), nic("two"));
        world.link(&one, &two, LinkConfig::default().delay(LINK)).unwrap();
        let (one, two) = (Station::open(&one, 1, &build), Station::open(&two, 2, &build));
        Self { world, one, two }
    }

    pub fn now(&self) -> Instant {
        now(&self.world)
    }

    /// Lets both stacks work until it is `done`; both wait as programs do, and if neither has anything to do, the world
    /// goes on to the next thing that happens.
    pub fn run(&mut self, mut done: impl FnMut(&mut Station, &mut Station) -> bool) {
        for _ in 0..3_000_000 {
            let now = self.now();
            let mut delay = Some(Delay::from_secs(10));
            for station in [&mut self.one, &mut self.two] {
                station.poll(now);
            }
            if done(&mut self.one, &mut self.two) {
                return;
            }
            for station in [&mut self.one, &mut self.two] {
                let its_delay = station.delay(now);
                station.device.wait(its_delay, Duration::ZERO).unwrap();
                delay = delay.min(its_delay.or(delay));
            }
            if delay > Some(Delay::ZERO) && !self.world.step() {
                self.world.run_for(delay.unwrap_or_default().into());
            }
        }
        panic!("it was never done; now {:?}", self.world.now());
    }

    /// Sockets for datagrams on both, between which one datagram has gone: each knows where the other is.
    pub fn udp(&mut self) -> (SocketHandle, SocketHandle) {
        let (one, two) = (self.one.add_udp(), self.two.add_udp());
        self.one.send(one, 2, 1);
        self.run(|_, station| !station.received(two).is_empty());
        self.two.send(two, 1, 1);
        self.run(|station, _| !station.received(one).is_empty());
        (one, two)
    }

    pub fn conserved(self) {
        let Self { world, one, two } = self;
        one.conserved(&world);
        two.conserved(&world);
    }
}

/// The time of a world, as smoltcp takes it.
pub fn now(world: &World) -> Instant {
    Instant::from_micros(i64::try_from(world.now().as_micros()).unwrap())
}
