//! A heap that another process gets by a descriptor: nothing else leads to it.
#![cfg(target_os = "linux")]
#![expect(unsafe_code, reason = "forks, and passes a descriptor over a socket")]

mod bounded;

use std::mem::{self, offset_of};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

use aquifer::{AttachError, Backing, RootError, SharedHeap, ShmBox, ShmMutex};
use bounded::{Child, in_time, left_out};

/// What goes with a byte over a socket: one descriptor.
#[repr(C)]
struct Parcel {
    head: libc::cmsghdr,
    descriptor: RawFd,
}

impl Parcel {
    const BYTES: usize = offset_of!(Self, descriptor) + size_of::<RawFd>();

    fn new(descriptor: RawFd) -> Self {
        // SAFETY: it has numbers alone.
        let mut head: libc::cmsghdr = unsafe { mem::zeroed() };
        head.cmsg_len = Self::BYTES as _;
        (head.cmsg_level, head.cmsg_type) = (libc::SOL_SOCKET, libc::SCM_RIGHTS);
        Self { head, descriptor }
    }

    /// Calls `body` with a message of this and one byte.
    fn with_message(&mut self, body: impl FnOnce(&mut libc::msghdr) -> isize) {
        let mut byte = 0_u8;
        let mut part = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
        // SAFETY: it has numbers, and pointers that may be null.
        let mut message: libc::msghdr = unsafe { mem::zeroed() };
        (message.msg_iov, message.msg_iovlen) = (&raw mut part, 1);
        message.msg_control = (&raw mut *self).cast();
        message.msg_controllen = size_of::<Self>() as _;
        assert_eq!(body(&mut message), 1);
    }

    fn send(socket: &UnixStream, descriptor: BorrowedFd<'_>) {
        let socket = socket.as_raw_fd();
        Self::new(descriptor.as_raw_fd()).with_message(|message| {
            // SAFETY: what the message leads to is borrowed for as long as the call lasts.
            unsafe { libc::sendmsg(socket, message, 0) }
        });
    }

    fn receive(socket: &UnixStream) -> OwnedFd {
        let socket = socket.as_raw_fd();
        let mut parcel = Self::new(-1);
        parcel.with_message(|message| {
            // SAFETY: as above.
            unsafe { libc::recvmsg(socket, message, libc::MSG_CMSG_CLOEXEC) }
        });
        assert!(parcel.head.cmsg_len == Self::BYTES as _ && parcel.descriptor >= 0);
        // SAFETY: it came just now, and is nobody else's.
        unsafe { OwnedFd::from_raw_fd(parcel.descriptor) }
    }
}

#[test]
fn a_heap_is_passed_to_a_process_that_is_older() {
    in_time(|| {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let child = Child::start(|| {
            let heap = SharedHeap::from_fd(Parcel::receive(&theirs)).unwrap();
            let numbers = heap.root::<ShmMutex<[u64; 2]>>("numbers").unwrap();
            numbers.lock().unwrap()[1] = 7;
            let make = || ShmBox::new_in(8_u64, &heap).unwrap();
            heap.root_or_insert_with("the child's", make).unwrap();
            heap.check().unwrap();
        });
        let heap = SharedHeap::create(&Backing::Memfd, 1 << 20).unwrap();
        let numbers = heap.root_or_insert_with("numbers", || ShmMutex::new([5_u64, 6])).unwrap();
        assert!(matches!(heap.root::<ShmBox<u64>>("the child's"), Err(RootError::NotFound)));
        // SAFETY: the child uses it as a heap only.
        Parcel::send(&ours, unsafe { heap.as_fd() }.unwrap());
        assert_eq!(child.end(), 0);
        assert_eq!(*numbers.lock().unwrap(), [5, 7]);
        assert_eq!(**heap.root::<ShmBox<u64>>("the child's").unwrap(), 8);
        heap.reap();
        assert_eq!(heap.stats().participants, 1);
        heap.check().unwrap();
    });
}

#[test]
fn the_heap_of_another_user_is_refused() {
    // SAFETY: the call takes nothing and cannot fail.
    if unsafe { libc::geteuid() } != 0 {
        return left_out("only root can be somebody else");
    }
    in_time(|| {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let child = Child::start(|| {
            // SAFETY: the call takes a number.
            assert_eq!(unsafe { libc::setuid(12345) }, 0);
            let heap = SharedHeap::create(&Backing::Memfd, 1 << 20).unwrap();
            // SAFETY: it is used as a heap only.
            Parcel::send(&theirs, unsafe { heap.as_fd() }.unwrap());
        });
        let descriptor = Parcel::receive(&ours);
        assert_eq!(child.end(), 0);
        let copy = || descriptor.try_clone().unwrap();
        let refused = SharedHeap::from_fd(copy());
        assert!(
            matches!(refused, Err(AttachError::ForeignOwner { found: 12345, expected: 0 })),
            "{refused:?}"
        );
        // SAFETY: the child was this test's, and is gone.
        unsafe { SharedHeap::from_fd_shared(copy()) }.unwrap().check().unwrap();
    });
}
