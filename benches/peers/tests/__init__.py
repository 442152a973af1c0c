"""python3 -m unittest discover -s benches/peers/tests -t benches/peers"""
