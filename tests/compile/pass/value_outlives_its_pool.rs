fn main() {
    let pool = aquifer::Pool::new();
    let value;
    {
        value = pool.alloc(1);
    }
    println!("{value:?}");
}
