"""What is tried first: those of eight characters and more that head every list of leaks."""

_LISTED = """
    00000000 01234567 0123456789 11111111 1111111111 112233445566 11223344 1122334455 12121212
    12341234 123123123 123321123 12345678 123456789 1234567890 12345678910 123456789a 1234567891
    1234abcd 1234qwer 1qaz2wsx 1q2w3e4r 1q2w3e4r5t 1q2w3e4r5t6y 22222222 31415926 55555555 66666666
    77777777 87654321 88888888 987654321 9876543210 99999999 a1234567 a12345678 a123456789 aa123456
    aaaaaaaa abc12345 abcd1234 abcdefgh administrator adminadmin admin123 admin1234 asdf1234
    asdfasdf asdfghjk asdfghjkl baseball basketball bodega12 bodega123 bodegabodega butterfly
    changeme changeme1 changeme123 charlie1 chocolate computer corvette danielle elephant football
    football1 garfield iloveyou iloveyou1 internet jennifer jordan23 letmein1 letmein123 liverpool
    maverick mercedes michelle midnight minecraft mustang1 p@ssw0rd p@ssword pa$$w0rd
    pass1234 passw0rd passwort password password! password1 password12 password123 password1234
    pokemon1 princess princess1 q1w2e3r4 q1w2e3r4t5 qazwsxedc qwer1234 qwerqwer qwert123 qwerty12
    qwerty123 qwerty1234 qwertyui qwertyuiop samantha scorpion secret12 secret123 security starwars
    sunshine sunshine1 superman superman1 swordfish test1234 testtest trustno1 victoria welcome1
    welcome123 whatever william1 zaq12wsx zxcvbnm1 zxcvbnm123
"""

COMMON_PASSWORDS = frozenset(_LISTED.split())
