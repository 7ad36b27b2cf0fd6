fn main() {
    let mut pool = aquifer::Pool::new();
    let value = pool.alloc(1);
    pool.reset();
    println!("{value:?}");
}
