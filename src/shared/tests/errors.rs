//! What errors say: each something of its own.
#![forbid(unsafe_code)]

use core::error::Error;
use std::collections::HashSet;
use std::io;

use crate::shared::access::root_error::RootError;
use crate::shared::heap::attach_error::AttachError;
use crate::shared::heap::heap_damage::HeapDamage;
use crate::sync::join_error::JoinError;

/// Fails if an error says something else, if it is no prose, or if two say the same. Those that have a cause say
/// what that says, be it with words of their own before it.
fn assert_say<E: Error>(table: &[(E, &str)]) {
    for (error, text) in table {
        assert_eq!(error.to_string(), *text, "{error:?}");
        assert!(text.starts_with(char::is_lowercase) && !text.ends_with('.'), "{text}");
        assert!(error.source().is_none_or(|cause| text.ends_with(&cause.to_string())), "{text}");
    }
    let texts: HashSet<_> = table.iter().map(|(_, text)| text).collect();
    assert_eq!(texts.len(), table.len());
}

/// How many have a cause.
fn caused<E: Error>(table: &[(E, &str)]) -> usize {
    table.iter().filter(|(error, _)| error.source().is_some()).count()
}

#[test]
fn each_reason_not_to_attach_a_heap_has_a_text() {
    use AttachError::*;
    let damage = HeapDamage::head("the number of pages");
    let table = [
        (TooSmall { minimum: 9000 }, "a heap for so many participants takes at least 9000 bytes"),
        (TooLarge, "a heap has at most 4 TiB and 4095 participants"),
        (Name, "it is no name of shared memory or of a file"),
        (Exists, "there is a heap or another file by this name already"),
        (NotFound, "there is no heap by this name"),
        (Symlink, "the name stands for a symbolic link"),
        (NotAFile, "what is to be a heap is no regular file"),
        (
            ForeignOwner { found: 1000, expected: 33 },
            "the file is user 1000's, and this process is of user 33",
        ),
        (
            WideMode { found: 0o664 },
            "others may use the file: its mode is 0o664 instead of 0o600; chmod it",
        ),
        (Unsealed, "the memory is not sealed against shrinking"),
        (NoHeap, "the bytes are not those of a heap"),
        (
            Format { found: 2, expected: 3 },
            "the heap has version 2 of the format, and this program 3",
        ),
        (ByteOrder, "the heap is of a machine with another byte order"),
        (
            PointerBytes { found: 4, expected: 8 },
            "the heap is of a program with pointers of 4 bytes, not 8",
        ),
        (
            PageBytes { found: 16384, expected: 4096 },
            "the heap has pages of 16384 bytes, and this program of 4096",
        ),
        (Length { found: 5, expected: 6 }, "the heap has 5 bytes, and says that it has 6"),
        (
            OtherBoot,
            "the heap is of a time before this machine was started; unlink it and make a new one",
        ),
        (Copied, "the file is a copy of a heap's; unlink it and make a new one"),
        (
            NumberTaken,
            "another heap with the same number is attached in this process; unlink one and make it anew",
        ),
        (
            Damaged(damage),
            "somebody has written into the heap: the number of pages is wrong in its head",
        ),
        (
            NotJoined(JoinError::TableFull { capacity: 4 }),
            "all 4 slots for participants are taken by living processes; `HeapOptions::participants` says how many",
        ),
        (System(io::Error::other("no")), "the system refused it: no"),
    ];
    assert_say(&table);
    assert_eq!(caused(&table), 3);
}

#[test]
fn each_reason_not_to_have_a_root_has_a_text() {
    use RootError::*;
    let types =
        |expected: &str, found: &str| Type { expected: expected.into(), found: found.into() };
    let table = [
        (NotFound, "there is no root by this name"),
        (types("i64", "u64"), "the root is of type u64, and not i64"),
        (
            types("Entry", "Entry"),
            "the root's Entry has other parts, or another version, than this program's",
        ),
        (Name, "the name of a root has 1 to 255 bytes"),
        (Full, "there is no room for the root"),
        (
            Damaged(HeapDamage::slot(7)),
            "somebody has written into the heap: the slot of participant 7 has no state",
        ),
        (
            NotJoined(JoinError::NotAttached),
            "the lock lies in no shared memory that this process has attached",
        ),
        (Interrupted, "a signal handler cannot use the heap"),
    ];
    assert_say(&table);
    assert_eq!(caused(&table), 2);
}
