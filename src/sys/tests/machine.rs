//! What the machine says of itself.

use crate::sys::machine;

#[test]
fn the_boot_id_is_what_the_kernel_says_and_stays() {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").expect("Linux has it");
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    assert_eq!(format!("{:032x}", machine::boot_id().unwrap()), digits);
    assert_ne!(machine::boot_id().unwrap(), 0);
    assert_eq!(machine::boot_id().unwrap(), machine::boot_id().unwrap());
}

#[test]
fn random_numbers_differ_in_all_their_bytes() {
    let numbers = [(); 64].map(|()| machine::random().expect("the kernel has some"));
    for shift in (0..128).step_by(8) {
        let first = numbers[0] >> shift & 0xff;
        assert!(numbers.iter().any(|number| number >> shift & 0xff != first));
    }
}
