//! The status as people see it.

use std::collections::HashSet;

use crate::server::Server;
use crate::units::{Age, Bytes, Count, Percent, Time};

#[test]
fn the_page_has_each_part_once_and_a_whole_picture() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    for path in ["/", "/style.css", "/", "/nothing"] {
        client.get(path);
    }
    let page = String::from_utf8(client.get("/status").body).unwrap();
    let (head, body) = page.split_once("<main>").unwrap();
    assert!(!head.contains(" id="), "the script exchanges what has one");
    let parts: Vec<_> = body.split(" id=").skip(1).map(|rest| &rest[..5]).collect();
    assert_eq!(parts.iter().collect::<HashSet<_>>().len(), parts.len(), "{parts:?}");
    assert!(body.contains("<b>33.33 %</b><small>1 of 3</small>"), "{body:.2000}");
    let picture = &body[body.find("<svg").unwrap()..body.find("</svg>").unwrap() + "</svg>".len()];
    roxmltree::Document::parse(picture).unwrap();
}

#[test]
fn figures_are_written_as_people_read_them() {
    let counts = [0, 999, 1000, 1_002_003].map(|count| Count(count).to_string());
    assert_eq!(counts, ["0", "999", "1,000", "1,002,003"]);
    let parts = [0.0, 0.5, 0.99999, 1.0].map(|part| Percent(part).to_string());
    assert_eq!(parts, ["0 %", "50 %", "99.99 %", "100 %"]);
    let times = [0, 1536, 163_840, 1 << 23, 1 << 35].map(|time| Time(time).to_string());
    assert_eq!(times, ["0.0 µs", "1.5 µs", "164 µs", "8.4 ms", "34.4 s"]);
    let ages = [59.9, 61.0, 7300.0, 180_000.0].map(|age| Age(age).to_string());
    assert_eq!(ages, ["59 s", "1 min 1 s", "2 h 1 min", "2 d 2 h"]);
    let sizes = [100, 2048, 200 << 20, 3 << 30].map(|bytes| Bytes(bytes).to_string());
    assert_eq!(sizes, ["0.1 KiB", "2.0 KiB", "200 MiB", "3.0 GiB"]);
}
