fn main() {
    let mut pool = aquifer::Pool::new();
    let mut words = allocator_api2::vec::Vec::new_in(&pool);
    words.push(1);
    words.push(2);
    drop(words);
    pool.reset();
}
