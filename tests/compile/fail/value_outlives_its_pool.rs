fn main() {
    let value;
    {
        let pool = aquifer::Pool::new();
        value = pool.alloc(1);
    }
    println!("{value:?}");
}
